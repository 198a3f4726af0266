"""All reading and writing of features; the only place that knows SQL about them."""
