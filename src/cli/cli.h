/* cli: what the commands share. A command parses its options, calls the libraries, and
 * prints: results on stdout, everything else on stderr. */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>

/* The one table of exit statuses; weir(1) has it in words. */
enum weir_exit {
	WEIR_EXIT_DONE = 0,    /* done, or the answer is yes */
	WEIR_EXIT_FAILED = 1,  /* could not be done */
	WEIR_EXIT_USAGE = 2,   /* the command line makes no sense */
	WEIR_EXIT_NO = 3,      /* the answer is no */
	WEIR_EXIT_PARTLY = 4,  /* done in part, or undone */
	WEIR_EXIT_REFUSED = 5, /* a guard refused it */
};

struct weir_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *help;                  /* one line, for weir --help */
};

int weir_status_main(int argc, char **argv);
int weir_capture_main(int argc, char **argv);
int weir_who_main(int argc, char **argv);
int weir_check_main(int argc, char **argv);
int weir_fit_main(int argc, char **argv);
int weir_explain_main(int argc, char **argv);
int weir_model_main(int argc, char **argv);
int weir_probe_main(int argc, char **argv);
int weir_apply_main(int argc, char **argv);
int weir_set_main(int argc, char **argv);
int weir_undo_main(int argc, char **argv);
int weir_log_main(int argc, char **argv);
int weir_mount_main(int argc, char **argv);
int weir_unmount_main(int argc, char **argv);
int weir_clean_main(int argc, char **argv);
int weir_drift_main(int argc, char **argv);
int weir_persist_main(int argc, char **argv);
int weir_lease_main(int argc, char **argv);
int weir_release_main(int argc, char **argv);
int weir_leases_main(int argc, char **argv);
int weir_warm_main(int argc, char **argv);

/* Opens what --host names: a captured host, this machine (NULL), or the end of a scenario
 * ("scenario:FILE"), which is played on the model. */
struct weir_host;
int weir_cli_open_host(const char *spec, struct weir_host **out, struct weir_err *err);

/* "weir status: ..." on stderr, or "weir: ..." for no command (""); by the rule of
 * weir_cli_put(). Returns @status. */
int weir_cli_fail(const char *command, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The usage error's second line; returns WEIR_EXIT_USAGE. */
int weir_cli_usage(const char *command);

/* The usage error of an option's argument, and how it would be right: "--node '7x': wants
 * ...". Returns WEIR_EXIT_USAGE. */
int weir_cli_bad(const char *command, const char *option, const char *arg,
                 const char *right);

/* Arguments of --node and --size. 0, or the exit status, said. */
int weir_cli_take_node(const char *command, const char *arg, uint64_t *out);
int weir_cli_take_page_size(const char *command, const char *arg, uint64_t *out);

/* Flushes stdout. A full disk or a closed pipe must not look like success. */
int weir_cli_flush(const char *command, int status);

/* Columns of the terminal that stdout is, else of $COLUMNS, else 80. */
unsigned int weir_cli_width(void);

/* True when stdout takes colour: a terminal, and NO_COLOR is not set. */
bool weir_cli_color(void);

/* Prints text from outside: bytes that a terminal would act on become '?'. */
void weir_cli_put(FILE *out, struct weir_str s);

/* Prints @text by the same rule, in lines of at most @width. @first is put before it and
 * taken to end at column @indent, where the other lines begin. */
void weir_cli_wrap(FILE *out, const char *first, const char *text, unsigned int indent,
                   unsigned int width);

#endif
