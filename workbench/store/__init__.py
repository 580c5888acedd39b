"""The workbench database, its migrations, and the clock."""
