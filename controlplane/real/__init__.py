"""A cluster that is not simulated: Pods are processes, and requests to them go through real sockets.

It joins what `node` and `traffic` bring along.  All sockets listen on loopback addresses.
"""
