"""The `edgekit` command: parse, call one public function, show what it returned."""
