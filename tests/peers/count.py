"""Runs one module of tests; prints how many passed and how many failed."""

import sys
import unittest

suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])
result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
failed += len(result.skipped)  # nothing is skipped here
print(result.testsRun - failed, failed)
sys.exit(1 if failed or result.testsRun == 0 else 0)
