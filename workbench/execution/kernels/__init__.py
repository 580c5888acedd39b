"""Warm kernels for Jupyter: the provisioner, the kernelspec, and the server's extension."""
