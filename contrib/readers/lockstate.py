#!/usr/bin/env python3
"""Reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in Python.

verdict(path, mac, ip, now) gives 200 (serve), 403 (refuse) or 503 (no file, or not whole: Retry-After).
mac: 12 lower-case hex digits. Run as a program: lockstate.py FILE MAC IP [NOW].
"""
import ipaddress
import os
import sys
import time


def holds(prefixes, ip):
    return prefixes != "-" and any(
        net.version == ip.version and ip in net for net in map(ipaddress.ip_network, prefixes.split(","))
    )


def verdict(path, mac, ip, now):
    try:
        with open(os.path.join(path, mac[10:]) if os.path.isdir(path) else path, encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return 503
    if len(lines) < 3 or lines[0][:2] != ["provctl-lockstate", "1"] or lines[-2][:1] != ["default"]:
        return 503
    if lines[-1] != ["end", str(len(lines) - 3)]:
        return 503
    ip = ipaddress.ip_address(ip)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    state, until, home, reason, account = lines[-2][1], "-", "-", "", "*"
    for kind, *fields in lines[1:-2]:
        if kind == "device" and fields[0] == mac:
            state, until, home, reason, account = fields[1:]
    if state == "open" and (until == "-" or now < int(until)) or holds(home, ip):
        return 200
    for kind, *fields in lines[1:-2]:
        if kind == "network" and fields[1] == account and holds(fields[0], ip):
            return 200
        if kind == "window" and now < int(fields[1]) and fields[2] in ("*", account) and reason != "held" and holds(fields[0], ip):
            return 200
    return 403


if __name__ == "__main__":
    print(verdict(*sys.argv[1:4], int(sys.argv[4]) if len(sys.argv) > 4 else time.time()))
