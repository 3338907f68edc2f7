import sys

from telegrad.cli.main import main

sys.exit(main())
