"""Does the chain of thought still drive the answer after fine-tuning?

The library behind the workflow. Data flows one way:

    items -> chains -> probes -> scores -> measures -> effects -> figures -> report

One module a stage; none of them knows Snakemake. `report/method.rst` says what is
measured, and the docstrings name the section they implement.
"""

import logging

# It misses a kernel for the CPU whenever peft is imported, used or not.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
