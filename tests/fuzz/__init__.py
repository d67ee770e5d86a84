"""Whatever a gateway, its peer or a file answers is read or is one sentence: inputs mutated, led by coverage."""
