"""Probes and metrics over HTTP."""

from collections.abc import Awaitable, Callable

from aiohttp import web


async def serve(
    host: str, port: int, alive: Callable[[], str], ready: Callable[[], str], metrics: Callable[[], Awaitable[bytes]]
) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics. `alive` and `ready` return what is wrong, or an empty text."""

    def answer(wrong: str) -> web.Response:
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)

    async def healthz(_: web.Request) -> web.Response:
        return answer(alive())

    async def readyz(_: web.Request) -> web.Response:
        return answer(ready())

    async def numbers(_: web.Request) -> web.Response:
        try:
            text = await metrics()
        except TimeoutError:
            return answer("the numbers are late")
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", numbers)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
