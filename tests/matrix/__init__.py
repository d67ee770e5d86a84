"""The fault matrix: every fault and healthy variant of the lab on real tunnels, and what the collection makes of it."""
