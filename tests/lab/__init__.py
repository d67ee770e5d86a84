"""Real IPsec gateways on one machine: a YAML topology in, running gateways out, an Ansible inventory printed."""
