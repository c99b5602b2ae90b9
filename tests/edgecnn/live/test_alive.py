"""The live loop on asyncio: results come, errors come, and nothing is left running."""

import asyncio
import threading
from contextlib import aclosing

import pytest

import edgecnn
from edgecnn.errors import CameraError
from edgecnn.live.sink import Sink


class Keep(Sink):
    def __init__(self):
        self.indices = []

    def show(self, result, stats):
        self.indices.append(result.frame.index)


class Broken(edgecnn.Camera):
    """Gives as many frames as it is told, and fails."""

    name, live, fps = "broken", True, None

    def __init__(self, frames):
        self._left = frames
        self._camera = edgecnn.open_camera("synthetic:fps=100")

    def read(self):
        if not self._left:
            raise CameraError("the cable was pulled")
        self._left -= 1
        return self._camera.read()

    def close(self):
        self._camera.close()


@pytest.fixture
def classifier():
    with edgecnn.load("digits") as classifier:
        yield classifier


def others() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]


def test_results_come_in_order_and_it_ends_with_the_run(classifier):
    async def main():
        kept = Keep()
        with edgecnn.open_camera("synthetic:fps=100") as camera:
            seen = [
                result.frame.index async for result in edgecnn.alive(classifier, camera, [kept], frames=20)
            ]
        assert len(kept.indices) == 20
        assert seen == sorted(set(seen))
        assert set(seen) <= set(kept.indices)
        assert seen[-1] == kept.indices[-1]

    before = others()
    asyncio.run(main())
    assert others() == before


def test_who_is_slow_gets_the_newest_result(classifier):
    async def main():
        kept = Keep()
        with edgecnn.open_camera("synthetic:fps=200") as camera:
            async with aclosing(edgecnn.alive(classifier, camera, [kept], frames=60)) as results:
                await anext(results)
                while len(kept.indices) < 60:
                    await asyncio.sleep(0.01)
                assert (await anext(results)).frame.index == kept.indices[-1]
                with pytest.raises(StopAsyncIteration):
                    await anext(results)

    asyncio.run(main())


def test_leaving_early_ends_the_loop(classifier):
    async def main():
        with edgecnn.open_camera("synthetic:fps=100") as camera:
            async with aclosing(edgecnn.alive(classifier, camera)) as results:
                async for result in results:
                    if result.frame.index >= 3:
                        break
            assert "edgecnn-alive" not in " ".join(others())
            camera.read()  # it is ours again

    asyncio.run(main())


def test_a_task_that_is_cancelled_ends_the_loop(classifier):
    async def main():
        async def watch(camera):
            async with aclosing(edgecnn.alive(classifier, camera)) as results:
                async for _ in results:
                    began.set()

        began = asyncio.Event()
        with edgecnn.open_camera("synthetic:fps=100") as camera:
            task = asyncio.create_task(watch(camera))
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert "edgecnn-alive" not in " ".join(others())

    asyncio.run(main())


@pytest.mark.parametrize("frames", [0, 5])
def test_what_ends_the_run_is_raised_after_its_results(classifier, frames):
    async def main():
        seen = []
        with Broken(frames) as camera, pytest.raises(CameraError, match="the cable was pulled"):
            async for result in edgecnn.alive(classifier, camera):
                seen += [result.frame.index]
        assert bool(seen) == bool(frames)

    asyncio.run(main())


def test_options_of_the_loop_are_its_options(classifier):
    async def main():
        with edgecnn.open_camera("synthetic:fps=100") as camera:
            async for result in edgecnn.alive(classifier, camera, frames=2, top=2, smooth=0.5):
                assert len(result.predictions) == 2
                assert result.steady is not None
            with pytest.raises(TypeError, match="pace"):
                await anext(edgecnn.alive(classifier, camera, pace=3))

    asyncio.run(main())
