"""Ports of loopback for programs that cannot be told to choose one."""
import pathlib
import random
import socket

RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10000
TRIES = 100
RESERVED = []  # sockets, until this process ends


def is_free(address, port):
    try:
        socket.create_server((address, port)).close()
    except OSError:
        return False
    return True


def reserve(port):
    """False if another test has it, who may not listen there at the moment."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0haplo-poll test, port {port}")
    except OSError:
        name.close()
        return False
    RESERVED.append(name)
    return True


def free_port(*addresses):
    """Not one of those that the kernel gives to clients, and to servers that
    leave the choice to it: another test would get it before it is used. Until
    the end of this process, no other test gets it from here."""
    first_of_kernel = int(RANGE.read_text().split()[0])
    for _ in range(TRIES):
        port = random.randrange(LOWEST, max(first_of_kernel, LOWEST + 10000))
        if reserve(port) and all(is_free(address, port)
                                 for address in addresses or ["127.0.0.1"]):
            return port
    raise AssertionError("no port is free")


def is_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
