# usage: validate.py SCHEMA FILE
# Each line of FILE is a document in JSON. Prints what does not fit the schema, and exits with 1 then.
import json
import sys

import jsonschema

schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
failed = False
for line in open(sys.argv[2]):
    for error in validator.iter_errors(json.loads(line)):
        print(f"{error.json_path}: {error.message}, in {line}", end="")
        failed = True
sys.exit(failed)
