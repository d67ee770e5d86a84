"""The library behind the plugins: controller only, typed, values in and values out; see docs/docsite/rst."""
