"""An audit for people and for programs: one file for each format, each with `render`."""
