"""What does not answer is left alone for a while, and is found again when it answers."""

from authserver.services.outside.breaker import Breaker

PAUSE = 5.0


def failed(times: int) -> Breaker:
    """A breaker of three failures that saw so many, at the moment 100."""
    breaker = Breaker(3, PAUSE)
    for _ in range(times):
        breaker.failed(100.0)
    return breaker


def test_calls_go_until_so_many_failed_in_a_row() -> None:
    """Two failures stop nothing, the third stops every call, and the wait is told in whole seconds, rounded up."""
    assert failed(2).wait(100.0) == 0
    assert failed(3).wait(100.0) == 5
    assert failed(3).wait(101.5) == 4
    assert failed(3).wait(104.9) == 1


def test_a_success_between_failures_counts_them_anew() -> None:
    """Failures count in a row: one answer, and as many again are needed."""
    breaker = failed(2)
    breaker.succeeded()
    breaker.failed(100.0)
    breaker.failed(100.0)
    assert breaker.wait(100.0) == 0


def test_after_the_pause_one_call_goes_and_the_others_wait_for_it() -> None:
    """The call that probes is alone, whatever comes of it; when it is lost, another goes after another pause."""
    breaker = failed(3)
    assert breaker.wait(105.0) == 0
    assert breaker.wait(105.0) == 5
    assert breaker.wait(109.0) == 1
    assert breaker.wait(110.0) == 0


def test_the_probe_decides() -> None:
    """An answered probe lets every call go again; a failed one makes all wait for another pause."""
    answered, silent = failed(3), failed(3)
    assert answered.wait(105.0) == silent.wait(105.0) == 0
    answered.succeeded()
    silent.failed(107.0)
    assert [answered.wait(107.0), answered.wait(107.0)] == [0, 0]
    assert silent.wait(107.0) == 5
