/*
 * runner.c: edgekit-runner's command line. `edgekit-runner` without arguments prints its usage.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static const char USAGE[] =
    "edgekit-runner: load a model library built by EdgeKit and work it.\n"
    "\n"
    "  edgekit-runner describe LIB\n"
    "  edgekit-runner check    LIB INPUTS OUTPUTS [--threads T]\n"
    "  edgekit-runner run      LIB INPUTS OUTPUTS [--threads T]\n"
    "  edgekit-runner dump     LIB INPUTS DIR [--frame K] [--threads T]\n"
    "  edgekit-runner profile  LIB INPUTS [--warmup W] [--settle S] [--runs N] [--threads T]\n"
    "  edgekit-runner count    LIB INPUTS [--runs N]\n"
    "  edgekit-runner roofline\n"
    "\n"
    "W runs come first, and more until their times are steady, for S seconds at most (0 if not given).\n"
    "T threads share the work of a run, 0: one for each core. The answers are the same, byte for byte.\n"
    "INPUTS and OUTPUTS hold raw little-endian bytes: for every frame, every tensor in order. The\n"
    "state of a streaming model is carried from frame to frame. Answers are JSON on stdout.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 outputs differ, 5 library refused.\n";

/* What the options of all commands may set; a negative number was not given. */
typedef struct options {
  long frame;
  long warmup;
  long settle;
  long runs;
  long threads;
} options;

/* Runs a command; `files` are its positional arguments after the library. */
typedef int (*handler)(instance *loaded, char **files, const options *parsed);

typedef struct command {
  const char *name;
  int positional; /* arguments after the command's name, the library first; 0 if it needs none */
  const char *allowed[4];
  handler run;
} command;

static int run_describe(instance *loaded, char **files, const options *parsed) {
  (void)files;
  (void)parsed;
  return command_describe(loaded);
}

static int run_check(instance *loaded, char **files, const options *parsed) {
  (void)parsed;
  return command_check(loaded, files[0], files[1]);
}

static int run_run(instance *loaded, char **files, const options *parsed) {
  (void)parsed;
  return command_run(loaded, files[0], files[1]);
}

static int run_dump(instance *loaded, char **files, const options *parsed) {
  return command_dump(loaded, files[0], files[1], parsed->frame);
}

static int run_profile(instance *loaded, char **files, const options *parsed) {
  return command_profile(loaded, files[0], parsed->warmup, parsed->settle, parsed->runs);
}

static int run_count(instance *loaded, char **files, const options *parsed) {
  return command_count(loaded, files[0], parsed->runs);
}

static int run_roofline(instance *loaded, char **files, const options *parsed) {
  (void)loaded;
  (void)files;
  (void)parsed;
  return command_roofline();
}

static const command COMMANDS[] = {
    {"describe", 1, {NULL}, run_describe},
    {"check", 3, {"--threads"}, run_check},
    {"run", 3, {"--threads"}, run_run},
    {"dump", 3, {"--frame", "--threads"}, run_dump},
    {"profile", 2, {"--warmup", "--settle", "--runs", "--threads"}, run_profile},
    {"count", 2, {"--runs"}, run_count},
    {"roofline", 0, {NULL}, run_roofline},
};

static int usage_error(const char *what, const char *which) {
  fprintf(stderr, "edgekit-runner: %s%s\n\n%s", what, which, USAGE);
  return EXIT_USAGE;
}

static const command *find_command(const char *name) {
  for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
    if (strcmp(COMMANDS[i].name, name) == 0) {
      return &COMMANDS[i];
    }
  }
  return NULL;
}

static bool is_allowed(const command *which, const char *option) {
  for (size_t i = 0; i < sizeof which->allowed / sizeof which->allowed[0]; i++) {
    if (which->allowed[i] != NULL && strcmp(which->allowed[i], option) == 0) {
      return true;
    }
  }
  return false;
}

static bool parse_count(const char *text, long *value) {
  char *end = NULL;
  errno = 0;
  *value = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *value >= 0;
}

static int parse_options(const command *which, int argc, char **argv, options *parsed) {
  for (int i = 0; i < argc; i += 2) {
    if (!is_allowed(which, argv[i])) {
      return usage_error("unexpected argument: ", argv[i]);
    }
    long value = 0;
    if (i + 1 >= argc || !parse_count(argv[i + 1], &value)) {
      return usage_error("a whole number must follow ", argv[i]);
    }
    if (strcmp(argv[i], "--frame") == 0) {
      parsed->frame = value;
    } else if (strcmp(argv[i], "--warmup") == 0) {
      parsed->warmup = value;
    } else if (strcmp(argv[i], "--settle") == 0) {
      parsed->settle = value;
    } else if (strcmp(argv[i], "--threads") == 0) {
      parsed->threads = value;
    } else if (value == 0) {
      return usage_error("at least 1 must follow ", argv[i]);
    } else {
      parsed->runs = value;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    return usage_error("no command given", "");
  }
  const command *which = find_command(argv[1]);
  if (which == NULL) {
    return usage_error("unknown command: ", argv[1]);
  }
  if (argc - 2 < which->positional) {
    return usage_error("too few arguments for ", argv[1]);
  }
  options parsed = {.frame = -1, .warmup = 3, .settle = 0, .runs = 10, .threads = 1};
  const int first_option = 2 + which->positional;
  int status = parse_options(which, argc - first_option, argv + first_option, &parsed);
  if (status != 0) {
    return status;
  }
  if (which->positional == 0) { /* it needs no library */
    return which->run(NULL, NULL, &parsed);
  }
  instance loaded;
  status = instance_open(&loaded, argv[2], (uint32_t)parsed.threads);
  if (status == 0) {
    status = which->run(&loaded, argv + 3, &parsed);
  }
  instance_close(&loaded);
  return status;
}
