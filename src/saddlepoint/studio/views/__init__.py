"""One file a view: its routes; its page is the module of the same name in static/views."""
