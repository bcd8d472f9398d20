"""Runs commands of the AWS CLI in one process, since starting the CLI costs most of a second.

It reads each command's arguments as a line with a JSON list, and writes its exit status, output and errors as another.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from awscli.clidriver import create_clidriver

answers, driver = sys.stdout, create_clidriver()
for line in sys.stdin:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = driver.main(json.loads(line))
    print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers, flush=True)
