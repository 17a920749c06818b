"""What the Makefile calls: python -m support.cluster tools|image|up|down"""

import sys

from support.cluster.left import left
from support.cluster.programs import programs
from support.cluster.sharing import PERSON, build_image, down, up

IMAGE = "rostersync:dev"


def main(command: str) -> None:
    """Does one of them; RuntimeError with a sentence when the machine lacks something."""
    if command == "tools":
        print(programs("kind"))
    elif command == "image":
        ours = build_image(IMAGE).ours
        print(f"{IMAGE} is {'in the cache; make cluster loads it' if ours else 'on your Docker engine'}.")
    elif command == "up":
        cluster = up(PERSON, IMAGE)
        print(f"The cluster {PERSON} is ready and has the image {IMAGE}. To use it:\n")
        print(f"  export KUBECONFIG={cluster.kubeconfig} PATH={programs('clients')}:$PATH\n")
        print("It is removed by: make cluster-down")
    elif command == "down":
        removed = down()
        print(f"Removed: {', '.join(removed)}." if removed else "There is no cluster.")
        if stays := left():
            print("It leaves, so that the next cluster comes quickly:")
            print("\n".join(f"  {line}" for line in stays))
    else:
        raise RuntimeError(f"no such command: {command}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except RuntimeError as problem:
        sys.exit(str(problem))
