"""``label-studio-ml start deploy/label-studio-ml``: the service under label-studio-ml 1.0.9.

The manager of 1.0.9 keeps one model for all projects, calls its version ``INITIAL`` whatever it is,
and starts a process for each event. This one asks with the label config of the call, says the
version that stands in the predictions, and lets events be.
"""

import argparse
import os
from types import SimpleNamespace
from typing import ClassVar

from label_studio_ml import api
from label_studio_ml.model import LabelStudioMLManager

from labelstudio_backend.ml_sdk import EfficientSAM, load_service


class Manager(LabelStudioMLManager):
    """Models by project; they are light, since all share one service."""

    introductions: ClassVar[dict] = {}

    @classmethod
    def fetch(cls, project=None, label_config=None, force_reload=False, **kwargs):
        """The model of a project that Label Studio introduces."""
        known = ("hostname", "access_token")
        cls.introductions[project] = {k: v for k, v in kwargs.items() if k in known}
        return cls._make(project, label_config)

    @classmethod
    def predict(cls, tasks, project=None, label_config=None, *_, **kwargs):
        """Predictions, and the model that made them."""
        made = cls._make(project, label_config)
        return made.model.predict(tasks, **kwargs), made

    @classmethod
    def webhook(cls, event, data):
        """Nothing is learned from events."""
        return {}

    @classmethod
    def _make(cls, project, label_config):
        model = EfficientSAM(label_config=label_config, **cls.introductions.get(project, {}))
        model.project = project or ""
        return SimpleNamespace(model=model, model_version=load_service().model_version)


def make_app():
    """The Flask application, for WSGI servers too."""
    api._manager = Manager()
    return api.init_app(EfficientSAM, model_dir=os.environ.get("MODEL_DIR"))


def main():
    """Serve with Flask's own server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", "--port", type=int, default=9090)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104  Label Studio is often elsewhere
    options, _ = parser.parse_known_args()
    load_service()  # now, and not when Label Studio waits three seconds for /setup
    make_app().run(host=options.host, port=options.port, threaded=True)


if __name__ == "__main__":
    main()
else:
    app = make_app()
