# The environment of `make`, for CPU and GPU alike: the CUDA libraries come with the wheels of torch.
#   docker build -t lexiclip .
#   docker run --rm --shm-size=1g lexiclip             # make repro
#   docker run --rm --shm-size=1g --gpus all lexiclip  # the same on a GPU (the host has NVIDIA's container toolkit)
#   docker run --rm lexiclip make test
# What a run makes goes with the container: keep it with a volume, `-v lexiclip:/lexiclip`.
# Workers that load images hand them over in shared memory: Docker's 64 MB of it are too few.
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /lexiclip
ENV PATH=/lexiclip/.venv/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    UV_NO_CACHE=1

# First what the environment is made of, with an empty package in place of the source: an edit of the code
# installs nothing anew.
COPY Makefile pyproject.toml requirements.lock ./
RUN mkdir -p src/lexiclip \
    && touch README.md src/lexiclip/__init__.py \
    && make .venv/installed

COPY . .
# The files just copied may be younger than the environment made of them.
RUN touch .venv/installed

CMD ["make", "repro"]
