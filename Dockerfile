# mrtoct and its shipped model, without the sources.
#
#   docker build -t mrtoct:cpu .                                                    for the CPU
#   docker build -t mrtoct:gpu --build-arg TORCH_INDEX=https://pypi.org/simple .    with CUDA
#
# PyPI's torch for Linux brings CUDA along; PyTorch's own index has the same version without it.

FROM python:3.12-slim AS build
# npm, with which the build fetches the 3-D viewer. None of these tools is in the finished image, so
# that their versions do not matter.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --no-install-recommends --yes npm \
    && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3013
RUN pip install --no-cache-dir build
WORKDIR /source
COPY . .
RUN MRTOCT_NIIVUE=required python -m build --wheel --outdir /wheel

FROM python:3.12-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /tmp/
RUN pip install --no-cache-dir -c /tmp/constraints.txt --index-url "$TORCH_INDEX" \
        --extra-index-url https://pypi.org/simple torch
COPY --from=build /wheel /tmp/wheel
# Not as root, in a folder that the caller mounts.
RUN pip install --no-cache-dir -c /tmp/constraints.txt /tmp/wheel/*.whl && rm -r /tmp/wheel \
    && useradd --create-home --uid 1000 mrtoct
# Whoever runs it, also without a home of their own.
ENV MPLCONFIGDIR=/tmp/matplotlib
USER 1000
WORKDIR /data
ENTRYPOINT ["mrtoct"]
CMD ["--help"]
