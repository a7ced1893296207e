import pytest

from service import Service


def pytest_runtest_logreport(report):
    """Tells at once why a test failed: the machine may not come to its end."""
    if report.failed:
        print(f"\n{report.longreprtext}", flush=True)


@pytest.fixture
def service_of():
    """Makes a Service of a simulator, and ends it."""
    services = []

    def make(sim):
        services.append(Service(sim))
        return services[-1]

    yield make
    for service in services:
        service.end()
