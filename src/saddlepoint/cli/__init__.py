"""The command line: argv -> api."""
