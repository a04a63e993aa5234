"""What is remembered of the projects that Label Studio introduced."""

from labelstudio_backend import Projects
from labelstudio_backend.projects import ProjectSetup


def test_the_latest_setup_counts_by_key_and_by_id() -> None:
    projects = Projects()
    first, second, other = (ProjectSetup(f"http://studio-{n}") for n in range(3))
    projects.remember("1.100", first)
    projects.remember("1.200", second)
    projects.remember("11.300", other)
    assert projects.find("1.100") is first
    assert projects.find_by_id(1) is second
    assert projects.find(None) is projects.find("2.1") is projects.find_by_id(2) is None


def test_memory_is_bounded_and_who_was_introduced_last_is_kept() -> None:
    projects = Projects()
    setup = ProjectSetup("http://studio")
    for number in range(1000):
        projects.remember(f"{number}.1", setup)
    projects.remember("0.1", setup)
    assert projects.find("1.1") is setup
    projects.remember("1000.1", setup)
    assert projects.find("0.1") is projects.find("1000.1") is setup
    assert projects.find("1.1") is None
