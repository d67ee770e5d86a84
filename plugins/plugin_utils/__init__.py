"""The library behind the plugins: controller only, typed, values in and values out (docs/docsite/rst/architecture.rst)."""
