"""Leases that expire when they are seen without a change for some time."""

from okube_api.jobs.leases import ENDED, LEASE_LIFETIME_S, LeaseWatch
from okube_api.store.values import Json


class FakeSeconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now_s


def make_job(name: str = "a", renewed_at: str = "12:00:00", attempts: int = 1) -> Json:
    """Return a running job."""
    return {"_id": name, "attempts": attempts, "renewedAt": renewed_at}


def test_a_lease_expires_when_it_is_not_renewed() -> None:
    seconds = FakeSeconds()
    watch, job = LeaseWatch(seconds), make_job()
    assert watch.find_expired([job]) == []
    seconds.now_s += LEASE_LIFETIME_S - 0.1
    assert watch.find_expired([job]) == []
    seconds.now_s += 0.1
    assert watch.find_expired([job]) == [job]
    assert watch.find_expired([job, make_job("b")]) == [job]


def test_a_lease_that_is_renewed_does_not_expire() -> None:
    seconds = FakeSeconds()
    watch = LeaseWatch(seconds)
    for second in range(30):
        assert watch.find_expired([make_job(renewed_at=f"12:00:{second:02}")]) == []
        seconds.now_s += LEASE_LIFETIME_S - 0.1


def test_the_times_of_leases_do_not_matter() -> None:
    """The clock of another machine may be wrong, or be set back."""
    seconds = FakeSeconds()
    watch = LeaseWatch(seconds)
    for renewed_at in ("1970-01-01", "2999-01-01", "1970-01-01"):
        assert watch.find_expired([make_job(renewed_at=renewed_at)]) == []
        seconds.now_s += LEASE_LIFETIME_S - 0.1
    seconds.now_s += 0.1
    (expired,) = watch.find_expired([make_job(renewed_at="1970-01-01")])
    assert expired["renewedAt"] == "1970-01-01"


def test_each_attempt_has_a_lease_of_its_own() -> None:
    seconds = FakeSeconds()
    watch = LeaseWatch(seconds)
    assert watch.find_expired([make_job()]) == []
    seconds.now_s += LEASE_LIFETIME_S
    assert watch.find_expired([make_job(attempts=2)]) == []


def test_a_lease_of_a_process_that_is_known_to_have_died_has_expired() -> None:
    job = make_job(renewed_at=ENDED)
    assert LeaseWatch(FakeSeconds()).find_expired([job]) == [job]


def test_leases_are_measured_anew_after_the_database_did_not_answer() -> None:
    seconds = FakeSeconds()
    watch, job = LeaseWatch(seconds), make_job()
    assert watch.find_expired([job]) == []
    watch.restart()
    seconds.now_s += LEASE_LIFETIME_S
    assert watch.find_expired([job]) == []
    seconds.now_s += LEASE_LIFETIME_S
    assert watch.find_expired([job]) == [job]


def test_jobs_that_run_no_more_are_forgotten() -> None:
    watch = LeaseWatch(FakeSeconds())
    watch.find_expired([make_job(str(number)) for number in range(50)])
    watch.find_expired([make_job()])
    assert len(watch._unchanged_since_s) == 1
