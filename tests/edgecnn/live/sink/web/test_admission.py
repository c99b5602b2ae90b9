"""Whose turn it is."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edgecnn.live.sink.web import admission
from edgecnn.live.sink.web.admission import HELD, HELD_EACH, MOST_BYTES, WAITING_EACH, Share, Turns, Uploads


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def upload(client: str, length: int, chunks: asyncio.Queue | None = None) -> Request:
    """A request whose body comes from a queue, or in one chunk."""

    async def receive():
        body = b"x" * length if chunks is None else await chunks.get()
        receive.read += len(body)
        return {"type": "http.request", "body": body, "more_body": receive.read < length}

    receive.read = 0
    headers = [(b"content-length", str(length).encode())]
    request = Request({"type": "http", "headers": headers, "client": (client, 1)}, receive)
    request.state.receive = receive
    return request


def test_clients_take_turns():
    """Fifty of one client before one of another: it waits for one of them, not for fifty."""

    async def run() -> list[str]:
        turns, order = Turns(Share(1, 10), Share(1, 10)), []

        async def one(client: str) -> None:
            async with turns.turn(client, 1):
                order.append(client)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(one("many")) for _ in range(50)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(one(name)) for name in ("b", "c", "b")]
        await asyncio.gather(*tasks)
        return order

    order = asyncio.run(run())
    assert len(order) == 53
    assert order[:8].count("b") == 2
    assert order.index("c") <= 4


def test_bytes_are_bounded_and_a_large_one_does_not_starve():
    async def run() -> None:
        turns = Turns(Share(10, 10), Share(5, 9))
        entered, held = [], AsyncExitStack()

        async def one(client: str, size: int) -> None:
            await held.enter_async_context(turns.turn(client, size))
            entered.append((client, size))

        waiting = [asyncio.create_task(one(*w)) for w in (("a", 8), ("a", 2), ("b", 9), ("c", 1), ("c", 1))]
        await settle()
        assert entered == [("a", 8)], "b is next, and c waits behind it"
        await held.aclose()
        await settle()
        assert set(entered) == {("a", 8), ("b", 9), ("c", 1)}
        await held.aclose()
        await asyncio.gather(*waiting)
        assert len(entered) == 5
        await held.aclose()
        assert turns._next() is None
        assert not turns._in

    asyncio.run(run())


def test_who_gives_up_leaves_the_place_to_others():
    async def run() -> None:
        turns = Turns(Share(1, 1), Share(1, 1))

        async def one() -> None:
            async with turns.turn("a", 1):
                await asyncio.sleep(60)

        first, second, third = (asyncio.create_task(one()) for _ in range(3))
        await settle()
        second.cancel()
        first.cancel()
        await settle()
        assert turns._in == {"a": [1]}, "the third has it"
        third.cancel()
        await settle()
        async with asyncio.timeout(5), turns.turn("b", 1):
            pass

    asyncio.run(run())


def test_ninety_uploads_hold_two_of_the_largest():
    """The others wait, and nothing of them is read."""

    async def run() -> None:
        uploads = Uploads()
        requests = [upload(f"10.0.0.{i % 5}", MOST_BYTES, asyncio.Queue()) for i in range(90)]

        async def one(request: Request) -> None:
            async with uploads.take(request):
                pass

        tasks = [asyncio.create_task(one(r)) for r in requests]
        await settle()
        refused = [t for t in tasks if t.done()]
        assert len(refused) == 90 - 2 - admission.WAITING
        assert {t.exception().status_code for t in refused} == {503}
        assert refused[0].exception().headers == {"retry-after": "2"}
        assert sum(len(sizes) for sizes in uploads._held._in.values()) == 2
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(uploads._held._in.values())

    asyncio.run(run())


def test_uploads_of_one_client_never_stop_one_of_another():
    """One client holds all that it may, slowly; another's single upload passes."""

    async def run() -> None:
        uploads = Uploads()
        stop = asyncio.Event()

        async def slow(request: Request) -> None:
            async with uploads.take(request):
                await stop.wait()

        async def stuck(request: Request) -> None:
            async with uploads.take(request):
                raise AssertionError("its body never comes")

        tasks = [asyncio.create_task(stuck(upload("10.0.0.1", 1000, asyncio.Queue()))) for _ in range(20)]
        await settle()
        async with asyncio.timeout(5), uploads.take(upload("10.0.0.2", 1000)) as data:
            assert len(data) == 1000
        tasks.append(asyncio.create_task(slow(upload("10.0.0.3", 10))))
        await settle()
        second = asyncio.create_task(slow(upload("10.0.0.2", 10)))
        await settle()
        assert not second.done(), "one at a time is decoded"
        stop.set()
        async with asyncio.timeout(5):
            await second
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_a_slow_body_and_a_long_wait_end(monkeypatch):
    monkeypatch.setattr(admission, "BODY_S", 0.1)
    monkeypatch.setattr(admission, "WAITING_S", 0.05)

    async def status(uploads: Uploads, request: Request) -> int:
        with pytest.raises(HTTPException) as error:
            async with uploads.take(request):
                pass
        return error.value.status_code

    async def run() -> list[int]:
        uploads = Uploads()
        slow = [upload("a", 100, asyncio.Queue()) for _ in range(HELD_EACH.requests + 1)]
        async with asyncio.timeout(5):
            return await asyncio.gather(*(status(uploads, r) for r in slow))

    assert sorted(asyncio.run(run())) == [408, 408, 503]


def test_the_limits_fit_together():
    assert HELD.size >= 2 * HELD_EACH.size, "one client leaves room for another"
    assert HELD.requests >= 2 * HELD_EACH.requests
    assert admission.WAITING > WAITING_EACH
