"""A real Home Assistant and a browser, as a person would use them."""
