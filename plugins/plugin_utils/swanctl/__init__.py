"""What swanctl reads and prints: settings files, its listings, the daemon's log. Text in, values out."""
