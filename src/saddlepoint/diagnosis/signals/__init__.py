"""What is measured at a look, one file a kind; each gives columns of diagnosis/columns.py."""
