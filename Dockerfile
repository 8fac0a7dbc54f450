# The service in a container. Two targets:
#
#   docker build --target cpu -t pixwise .          the default
#   docker build --target gpu -t pixwise:gpu .      NVIDIA, CUDA 13; run with --gpus all
#
#   docker run --read-only --tmpfs /tmp -v pixwise-cache:/cache -p 127.0.0.1:8000:8000 -e PIXWISE_OPEN=true pixwise
#
# It listens on all addresses of the container, so it refuses to start without keys (PIXWISE_KEYS) or PIXWISE_OPEN=true.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/pixwise
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
ARG EXTRAS=serve,otel
RUN /opt/pixwise/bin/pip install ".[${EXTRAS}]"

# onnxruntime and onnxruntime-gpu bring the same module: one goes before the other comes
FROM build AS build-gpu
RUN /opt/pixwise/bin/pip uninstall --yes onnxruntime \
 && /opt/pixwise/bin/pip install "onnxruntime-gpu[cuda,cudnn]>=1.31,<2"

FROM python:${PYTHON}-slim AS run
# a number, so that Kubernetes' runAsNonRoot can see that it is not root
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /cache --shell /usr/sbin/nologin pixwise \
 && install --directory --owner=10001 --group=10001 /cache
ENV PATH=/opt/pixwise/bin:$PATH \
    HOME=/cache \
    HF_HOME=/cache/huggingface \
    ORT_DISABLE_TELEMETRY=1 \
    PIXWISE_HOME=/cache/pixwise \
    PIXWISE_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /cache
VOLUME /cache
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["pixwise", "serve", "--probe"]
ENTRYPOINT ["pixwise"]
CMD ["serve"]

FROM run AS gpu
ARG PYTHON
COPY --from=build-gpu /opt/pixwise /opt/pixwise
ARG PACKAGES=/opt/pixwise/lib/python${PYTHON}/site-packages
ENV LD_LIBRARY_PATH=${PACKAGES}/nvidia/cu13/lib:${PACKAGES}/nvidia/cudnn/lib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PIXWISE_REQUIRE_GPU=true

FROM run AS cpu
COPY --from=build /opt/pixwise /opt/pixwise
