#!/bin/sh
# Refuses a commit that changes what users run and neither adds nor edits a changelog fragment.
set -eu

git diff --cached --quiet -- changelogs/fragments || exit 0
echo "Add changelogs/fragments/<issue>-<what>.yml; where no user sees the change, with the section trivial." >&2
exit 1
