"""``python -m scripts.lib.demo``, which is what `scripts/demo` calls."""

import sys

from .app import main

sys.exit(main())
