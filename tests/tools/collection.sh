#!/bin/sh
# Copies the checkout to where Ansible's tools want a collection, below an empty folder: tests/tools/collection.sh FOLDER
set -eu

copy=$1/ansible_collections/tunnelwright/ipsec
mkdir -p "$copy"
sh tests/tools/files.sh | tar -cf - -T - | tar -xf - -C "$copy"
