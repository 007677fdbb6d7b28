"""aiohttp on uvloop, as a contender: see contender.rs and http_peers.rs, whose work this does."""

import asyncio
import ctypes
import os
import resource
import signal
import sys

import aiohttp
import uvloop

N_TASKS = 100


def end_with_parent():
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def cpu_ns():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e9


async def fetch(session, url, n):
    for _ in range(n):
        async with session.get(url) as response:
            assert len(await response.read()) == 1024


async def batch(url, n_requests):
    async with aiohttp.ClientSession() as session:
        share = n_requests // N_TASKS
        await asyncio.gather(*(fetch(session, url, share) for _ in range(N_TASKS)))


async def main(port, n_requests, n_batches):
    url = f"http://127.0.0.1:{port}/page"
    print("ready", flush=True)
    while sys.stdin.readline():
        start = cpu_ns()
        for _ in range(n_batches):
            await batch(url, n_requests)
        print((cpu_ns() - start) / (n_requests * n_batches), flush=True)


end_with_parent()
uvloop.run(main(*(int(argument) for argument in sys.argv[1:])))
os._exit(0)
