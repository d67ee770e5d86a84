#!/bin/sh
# Puts a Python that this Debian does not have into .cache/python, from the Debian that has it: tests/tools/fetch_python.sh 3.14
# Nothing is installed: its packages are unpacked, and the interpreter is told where its C library and the others are.
set -eu

version=$1
sh tests/tools/python.sh "$version" >/dev/null 2>&1 && exit
case $version in
3.13) release=trixie ;;
3.14) release=forky ;;
*)
	echo "No Debian has Python $version with venv: install it with pyenv." >&2
	exit 1
	;;
esac
command -v patchelf >/dev/null || {
	echo "A Python of another Debian needs patchelf: install the package patchelf." >&2
	exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "$work/lists/partial" "$work/archives/partial"
touch "$work/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" >"$work/sources"
export APT_CONFIG="$work/apt.conf"
cat >"$APT_CONFIG" <<-END
	Dir::State "$work";
	Dir::State::status "$work/status";
	Dir::Cache "$work";
	Dir::Etc::sourcelist "$work/sources";
	Dir::Etc::sourceparts "-";
	APT::Install-Recommends "false";
	APT::Sandbox::User "$(id -un)";
END
apt-get -qq update
apt-get -qq --yes --download-only install "python$version-venv" >/dev/null

made=$PWD/.cache/python/$version
rm -rf "$made"
mkdir -p "$made"
for package in "$work"/archives/*.deb; do
	dpkg-deb --extract "$package" "$made"
done
lib=$(echo "$made"/usr/lib/*-linux-gnu)
interpreter=$(find "$made/usr/lib64" "$lib" -name 'ld-linux-*.so.*' | head -n 1)
sed -i "s|'/usr/share/python-wheels|'$made/usr/share/python-wheels|" "$made/usr/lib/python$version"/_sysconfigdata_*.py
# RPATH of the program holds also for the libraries that it loads later; RUNPATH would not.
patchelf --set-interpreter "$interpreter" --force-rpath --set-rpath "$lib" "$made/usr/bin/python$version"
sh tests/tools/python.sh "$version" >/dev/null
