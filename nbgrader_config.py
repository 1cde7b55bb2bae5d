"""nbgrader: the labs' source is solutions/, what learners get is labs/."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.course_id = "controlplane"
c.CourseDirectory.root = str(Path(__file__).parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"

# A graded cell that a learner deleted comes back, empty, and scores nothing instead of waiting for a person.
c.OverwriteCells.add_missing_cells = True
