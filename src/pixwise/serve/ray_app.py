"""The same application as a Ray Serve deployment; extra `ray`.

    serve.run(ray_app(replicas=2)) ─▶ Ray's proxy ─▶ replica 1: create_app(settings)
                                                  ─▶ replica 2: create_app(settings)

Each replica has its own models, batcher and limits; `/readyz` and `/metrics` tell of the one that answers. In a shell:
`serve run pixwise.serve.ray_app:ray_app replicas=2`, with the settings in the environment (PIXWISE_*).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixwise.serve.app import create_app
from pixwise.serve.settings import Settings, load_settings

__all__ = ["ray_app"]


def ray_app(told: Mapping[str, Any] | None = None, *, settings: Settings | None = None, replicas: int = 1) -> Any:
    """A Ray Serve application.

    Args:
        told: arguments of `serve run`: `replicas`, and numbers of `cpus` and `gpus` for each.
        settings: what the operator set; None reads the environment of each replica.
        replicas: processes.
    """
    from ray import serve  # takes seconds, and warns of its own

    asked = {"replicas": replicas, "cpus": 1, "gpus": 0, **(told or {})}
    grace_s = (settings or load_settings()).grace_s

    def build() -> Any:  # runs in the replica: threads and models cannot travel
        return create_app(settings or load_settings())

    deployment = serve.deployment(
        serve.ingress(build)(),
        name="pixwise",
        num_replicas=int(asked["replicas"]),
        max_ongoing_requests=1000,  # our own queue says when it is full, and to whom
        ray_actor_options={"num_cpus": float(asked["cpus"]), "num_gpus": float(asked["gpus"])},
        graceful_shutdown_timeout_s=grace_s,
    )
    return deployment.bind()
