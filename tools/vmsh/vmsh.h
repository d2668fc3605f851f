/* vmsh: the command line of vmd. This is the inside of the client; it stands on base and on the
 * protocol table of wire/wire.h, and uses neither the daemon nor a libvirt client library.
 *
 *     vmsh.c       its own options
 *     run.c        running lines of commands, printing errors
 *     hints.c      the next step after an error, by its text
 *     many.c       one command for several domains
 *     shell.c      the interactive shell
 *     parse.c      a line to commands, a command's words to its options
 *     help.c       help texts and the manual page, from the rows of the commands
 *     uri.c        what a URI means; pure
 *     connect.c    from a URI to an open connection
 *     call.c       calls, replies, events, streams, keepalive
 *     table.c      tables and sheets, as text or JSON
 *     format.c     --format
 *     trace.c      what vmsh tells of itself
 *     progress.c   a bar, for what takes long
 *     domain.c     what commands share: finding a domain, its XML, its state in words
 *     named.c      what those about pools and networks share
 *     wait.c       until a domain is in a state, has an address, or its agent answers
 *     commands/    rows of commands, and their handlers
 */
#pragma once

#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>

#include "base/base.h"
#include "wire/wire.h"

typedef struct Shell Shell;
typedef struct Args Args;
typedef struct Conn Conn;

/* ---- commands are rows -------------------------------------------------------------------- */

typedef enum OptionKind {
    OPTION_FLAG,
    OPTION_STRING,
    OPTION_NUMBER,
    OPTION_REST, /* all words that are left */
} OptionKind;

typedef enum OptionFlags {
    OPTION_REQUIRED = 1 << 0,
    OPTION_NAME_NEEDED = 1 << 2, /* its value must follow its name: virsh has no such option */
    OPTION_NAMED = 1 << 1,       /* help shows it with its name; its value may stand alone too */
} OptionFlags;

/* Returns candidates for a value, for completion; NULL-terminated, the caller's. */
typedef char **(*Completer)(Shell *s);

typedef struct Option {
    const char *name;
    OptionKind kind;
    guint flags;
    Completer complete;
    const char *doc;
} Option;

#define FLAG(name, doc)                                                                            \
    {                                                                                              \
        name, OPTION_FLAG, 0, NULL, doc                                                            \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

typedef enum CommandFlags {
    COMMAND_OFFLINE = 1 << 0, /* needs no connection */
    COMMAND_JSON =
        1 << 1, /* makes JSON itself; for others --json contains the text that they print */
    COMMAND_TALKS = 1 << 2, /* prints while it runs, or asks questions: no --json */
    COMMAND_MANY = 1 << 3,  /* takes several domains */
} CommandFlags;

typedef struct Command {
    const char *name;
    const char *summary;
    const char *text;      /* the DESCRIPTION of its help; may be NULL */
    const Option *options; /* ended by OPTION_END; may be NULL */
    gboolean (*run)(Shell *s, const Args *a, GError **err);
    guint flags;
} Command;

typedef struct CommandGroup {
    const char *title;
    const char *keyword;       /* the word by which help names it */
    const Command *tables[16]; /* each ended by a zeroed row */
} CommandGroup;

extern const Command domain_commands[];        /* commands/domain.c */
extern const Command tuning_commands[];        /* commands/tuning.c */
extern const Command device_commands[];        /* commands/device.c */
extern const Command attach_commands[];        /* commands/attach.c */
extern const Command vcpu_commands[];          /* commands/vcpu.c */
extern const Command limits_commands[];        /* commands/limits.c */
extern const Command monitor_commands[];       /* commands/monitor.c */
extern const Command disk_commands[];          /* commands/disk.c */
extern const Command event_commands[];         /* commands/event.c */
extern const Command cpu_commands[];           /* commands/cpu.c */
extern const Command host_commands[];          /* commands/host.c */
extern const Command interface_commands[];     /* commands/interface.c */
extern const Command network_commands[];       /* commands/network.c */
extern const Command nodedev_commands[];       /* commands/nodedev.c */
extern const Command nwfilter_commands[];      /* commands/nwfilter.c */
extern const Command secret_event_commands[];  /* commands/object_event.c */
extern const Command network_event_commands[]; /* the same */
extern const Command nodedev_event_commands[]; /* the same */
extern const Command secret_commands[];        /* commands/secret.c */
extern const Command pool_commands[];          /* commands/pool.c */
extern const Command volume_commands[];        /* commands/volume.c */
extern const Command volume_import_commands[];
extern const Command undefine_commands[];
extern const Command metadata_commands[];
extern const Command network_metadata_commands[]; /* commands/metadata.c */
extern const Command params_commands[];
extern const Command node_params_commands[]; /* commands/params.c */
extern const Command agent_commands[];
extern const Command graph_commands[];
extern const Command logs_commands[];
extern const Command top_commands[];
extern const Command wait_commands[]; /* wait.c */
extern const Command blockjob_commands[];
extern const Command job_commands[]; /* commands/jobs.c */
extern const Command monitor_event_commands[];
extern const Command memory_device_commands[];
extern const Command pages_commands[];
extern const Command pool_source_commands[];
extern const Command pool_event_commands[]; /* commands/object_event.c */
extern const Command self_commands[];       /* commands/self.c */
extern const Command guest_commands[];      /* commands/create_guest.c */
extern const Command adopt_commands[];      /* commands/adopt.c */

/* All groups, ended by a zeroed row. */
extern const CommandGroup command_groups[];
/* The i-th command of a group; NULL past the last. */
const Command *group_command(const CommandGroup *g, guint i);
const Command *command_find(const char *name); /* NULL: there is none */
/* Whether --format is what it is for most; some have one of their own. */
gboolean command_has_format(const Command *c);
/* The i-th option, --json and --format after the others; NULL past the last. */
const Option *command_option(const Command *c, guint i);

char **complete_commands(Shell *s);

/* ---- words to options (parse.c) ------------------------------------------------------ */

/* One command with its words bound to its options. */
struct Args {
    const Command *command;
    gboolean help;      /* --help stands among the words */
    GHashTable *values; /* option name: GPtrArray of char * */
};

void args_free(Args *a);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Args, args_free)

/* A line as shells read it: words, quotes, backslash, # comments, ; and newline between commands.
 * Gives a list of word lists (GPtrArray of GPtrArray of char *). */
GPtrArray *line_split(const char *line, GError **err);
/* words[0] is the command. */
Args *args_bind(const char *const *words, guint n, GError **err);

/* For completion: the option that a next word would be the value of; NULL: of none. */
const Option *option_expected(const char *const *words, guint n);

void args_set(Args *a, const char *option, const char *value); /* it alone */
gboolean args_flag(const Args *a, const char *option);
const char *args_string(const Args *a, const char *option); /* NULL when absent */
/* Every value of an OPTION_REST, NULL-terminated; borrowed strings, free the array alone. */
const char **args_rest(const Args *a, const char *option);
char *args_rest_joined(const Args *a, const char *option); /* by blanks; NULL when absent */
/* Writes *ret_value only when the option is there. */
gboolean args_number(const Args *a, const char *option, gint64 min, gint64 max, gint64 *ret_value,
                     GError **err);
/* "2G", "512MiB", "1048576": bytes; a bare number counts in units of `unit` bytes. */
gboolean args_size(const Args *a, const char *option, guint64 unit, guint64 *ret_bytes,
                   GError **err);
gboolean args_exclusive(const Args *a, const char *one, const char *other, GError **err);

typedef struct FlagBit {
    const char *option;
    guint bit;
} FlagBit;

/* The bits of the given flags; rows end with a zeroed one. */
guint args_bits(const Args *a, const FlagBit *rows);

/* ---- URIs (uri.c) -------------------------------------------------------------------- */

/* What relays on the other host: vmsh, else netcat; vmsh; netcat. */
typedef enum Proxy { PROXY_AUTO, PROXY_NATIVE, PROXY_NETCAT } Proxy;

typedef struct Target {
    char *name; /* the name for CONNECT_OPEN: qemu:///system or qemu:///session */
    gboolean session;
    gboolean ssh;
    char *user, *host; /* of ssh */
    int port;          /* 0: the default of ssh */
    char *socket;      /* the value of socket=; NULL: the default one */
    char *keyfile;     /* of ssh */
    char *command;     /* NULL: ssh */
    char *netcat;      /* on the other host; NULL: nc */
    Proxy proxy;
    gboolean no_tty, no_verify;
} Target;

void target_done(Target *t);
gboolean target_parse(const char *uri, Target *ret_target, GError **err);
/* The URI when none is given: from the environment, else by the user. The caller frees it. */
char *uri_default(uid_t uid);
/* Path of the socket on this host; the caller frees it. */
char *target_socket(const Target *t, gboolean readonly);
/* The argv of ssh for the target; NULL-terminated. Free with g_strfreev. */
char **target_ssh_argv(const Target *t, gboolean readonly);

/* ---- the connection (call.c, connect.c) ----------------------------------------- */

typedef struct KeepAlive {
    int interval; /* seconds; 0: none */
    int count;
} KeepAlive;

typedef void (*ConnEvent)(Conn *c, gint32 procedure, guint32 program, const guint8 *payload,
                          gsize len, gpointer user);

/* Connects, starts the session's daemon if it does not run, and opens the connection. Free with
 * conn_free. */
Conn *conn_open(const char *uri, gboolean readonly, const KeepAlive *keepalive, GError **err);
/* Makes a connection over a connected socket, which it owns. helper: a process to reap at the end,
 * 0: none. conn_start opens it; name as in Target. */
Conn *conn_new(int fd, pid_t helper);
/* To a daemon that listens at this socket now, else NULL. Calls fail from that monotonic time on.
 */
Conn *conn_try(const char *path, gint64 until);
void conn_limit(Conn *c, gint64 until);
gboolean conn_start(Conn *c, const char *name, gboolean readonly, const KeepAlive *keepalive,
                    GError **err);
void conn_free(Conn *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Conn, conn_free)
int conn_fd(const Conn *c);
gboolean conn_alive(const Conn *c);

/* Makes a call and waits for the answer. args and ret are the structs of the procedure's row (NULL
 * for None); the content of ret lies in the arena. Events that arrive meanwhile are passed on. */
gboolean conn_call(Conn *c, guint32 program, gint32 procedure, gconstpointer args, Arena *arena,
                   gpointer ret, GError **err);
/* Handles messages that have arrived. Waits at most timeout ms (-1: no limit) for one, or for one
 * of the other descriptors, whose revents are filled in. A signal ends the wait early. */
gboolean conn_wait(Conn *c, struct pollfd *others, int n_others, int timeout, GError **err);
void conn_on_event(Conn *c, ConnEvent tell, gpointer user);
/* Called a few times a second while a call waits for its answer; it may make calls of its own.
 * NULL: nobody is. */
typedef void (*ConnWaiting)(gpointer user);
void conn_on_waiting(Conn *c, ConnWaiting tell, gpointer user);

/* The stream of the last call that opened one; a connection has one at a time. */
GByteArray *conn_stream_input(Conn *c);    /* the caller removes the bytes that it has used */
gboolean conn_stream_ended(const Conn *c); /* the daemon sends no more data */
/* Queues a copy of the bytes; conn_wait sends them. */
void conn_stream_send(Conn *c, const void *data, gsize len);
void conn_stream_send_hole(Conn *c, gint64 length);
gsize conn_queued(const Conn *c);
/* Called for each hole of a stream that was asked for with its holes, between the data before it,
 * which has not been taken, and what follows. NULL: nobody is. */
typedef void (*ConnHole)(gint64 length, gpointer user);
void conn_on_hole(Conn *c, ConnHole tell, gpointer user);
/* Ends the stream and waits for the daemon's answer. */
gboolean conn_stream_finish(Conn *c, GError **err);
gboolean conn_stream_abort(Conn *c, GError **err);
/* FALSE: the daemon has ended the stream with this error. */
gboolean conn_stream_check(Conn *c, GError **err);

/* Copies between a socket and stdin/stdout: the command that ssh runs on the other host. greets:
 * first the byte that a client of libvirt's awaits where TLS ends. */
gboolean relay(const char *uri, gboolean readonly, gboolean greets, GError **err);

/* ---- the shell (run.c) -------------------------------------------------------------------
 */

/* Levels of -d, as virsh has them; two of virsh's levels print nothing here. */
typedef enum TraceLevel { TRACE_CALLS, TRACE_CONNECTIONS, TRACE_ERRORS = 4 } TraceLevel;

struct Shell {
    char *uri;
    TraceLevel trace_level;
    FILE *log; /* -l, or NULL */
    gboolean readonly;
    gboolean quiet;
    gboolean timing;
    gboolean json_always; /* --json before the command */
    gboolean stop_at_errors, stopped;
    gboolean interactive;
    gboolean quit;
    int escape; /* the byte that leaves a console */
    KeepAlive keepalive;
    Conn *conn; /* NULL until the first command that needs it */

    /* State of the command that runs. */
    Arena arena;
    gboolean json;
    const char *format; /* --format: json is set, and its answer is put in these words; or NULL */
    GError *format_error;
    GString *said;           /* collects output of put() for JSON; NULL: put() prints to stdout */
    char *doing;             /* what was tried; printed before the error */
    char *hint;              /* the next step; printed after the error */
    gboolean silent_failure; /* the command fails, and has already printed why */
};

/* Run a line, or the words of one command. FALSE: the last command failed. */
gboolean shell_run_line(Shell *s, const char *line);
gboolean shell_run_words(Shell *s, const char *const *words, guint n);
gboolean shell_connect(Shell *s, GError **err);
void shell_disconnect(Shell *s);
void shell_interact(Shell *s); /* shell.c */
/* Prints the words that could complete the last of these words, one a line. TRUE: it may also be
 * the name of a file. */
gboolean shell_complete(Shell *s, char **typed, guint n);

/* trace.c */
/* FALSE: it cannot be opened, and the reason was printed. */
gboolean trace_open(Shell *s, const char *path);
void trace_close(Shell *s);
void trace(Shell *s, TraceLevel level, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* For commands. */
gboolean call(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err);
/* The same for vmd's own program, which no other daemon has. */
gboolean call_vmd(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err);
gboolean call_qemu(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err);
/* Sets what is being tried: it is printed before the error if the command fails from here on. */
void doing(Shell *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void hint(Shell *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* An error in vmsh's own words, printed as they are. */
#define refuse(err, ...) fail(err, ERR_RPC, __VA_ARGS__)
/* put prints the command's answer; remark prints a remark (not with -q, nor with JSON). */
void put(Shell *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void remark(Shell *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void complain(Shell *s, const GError *err);
/* hints.c: sets no hint where there is one already. */
void hint_by_words(Shell *s, const char *message);
/* many.c: whether the arguments name several domains, and the list of them; NULL: a name matches
 * none. */
gboolean args_names_many(const Args *a);
char **shell_expand(Shell *s, const Args *a, GError **err);

/* ---- tables (table.c) ---------------------------------------------------------------- */

/* What its cells are in JSON. */
typedef enum ColumnKind {
    COLUMN_TEXT,
    COLUMN_NUMBER,
    COLUMN_FLAG, /* "yes" and "enable" are true */
} ColumnKind;

typedef struct Column {
    const char *title;
    const char *key; /* in JSON */
    ColumnKind kind;
} Column;

typedef struct Table Table;

Table *table_new(const Column *columns, guint n);
void table_free(Table *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)
/* Adds a row: one string for each column; NULL: "-", null in JSON. */
void table_add(Table *t, ...);
/* The cell of a size: "4.88 KiB" as text, bytes in JSON. The caller frees it. */
char *size_cell(guint64 bytes);
/* "3d 4h", "5m 12s"; seconds for JSON. Caller frees. */
char *duration_cell(guint64 seconds);
void table_add_cells(Table *t, const char *const *cells);
/* The table as text; width 0: as wide as needed, else long cells are cut to fit. The caller frees
 * it. */
char *table_format(const Table *t, gboolean headings, guint width);
json_object *table_json(const Table *t);
/* Prints the table as text, or as JSON with --json. */
void table_print(Shell *s, const Table *t);

/* Lines of "Title:   value". */
typedef struct Sheet Sheet;

Sheet *sheet_new(guint width); /* width of the titles, with their colon */
void sheet_free(Sheet *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sheet, sheet_free)
void sheet_add(Sheet *t, const char *title, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* Text for people, and a value of its own for JSON; takes it, NULL: null. */
void sheet_add_value(Sheet *t, const char *title, json_object *value, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
/* "yes" or "no", true or false. */
void sheet_add_flag(Sheet *t, const char *title, gboolean on);
/* Adds several values, a line each; in JSON a list. */
void sheet_add_texts(Sheet *t, const char *title, const char *const *texts, guint n);
/* Adds a number with a unit as text, and in JSON as a number of bytes: "64 KiB" and 65536. */
void sheet_add_number(Sheet *t, const char *title, guint64 number, const char *unit);
/* Adds a size: "4.88 KiB" as text, bytes in JSON. */
void sheet_add_bytes(Sheet *t, const char *title, guint64 bytes);
/* Adds a line of any form as text; in JSON value under the key. */
void sheet_add_line(Sheet *t, const char *key, json_object *value, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
json_object *sheet_json(const Sheet *t);
void sheet_print(Shell *s, const Sheet *t);
char *sheet_format(const Sheet *t);
void print_json(Shell *s, json_object *o); /* takes o; by --format where that is given */
/* An answer in the words of --format (format.c): {key} is a value, \n and \t are what they are in
 * C. A list is a line for each row. */
gboolean format_print(Shell *s, const char *format, json_object *answer, GError **err);
guint text_width(const char *text);   /* in terminal columns */
char *text_human_size(guint64 bytes); /* "10.000 MiB" */
/* The first n bits as "yy-y", or as "0-1,3" when pretty. The caller frees it. */
char *cpu_map_text(const guint8 *map, guint n, gboolean pretty);

/* ---- a bar (progress.c) -------------------------------------------------------------- */

/* Nothing is shown before a second has passed, nor where stderr is no terminal. */
typedef struct ProgressBar {
    Shell *shell;
    const char *kind, *pool, *thing; /* of the task that is waited for */
    gboolean on;
    gint64 began, drawn; /* monotonic */
    int width;           /* of what is drawn; 0: nothing */
} ProgressBar;
/* From here on calls that wait show it. The strings are borrowed until its end. */
void progress_begin(Shell *s, ProgressBar *b, const char *kind, const char *pool,
                    const char *thing);
void progress_end(ProgressBar *b);
/* By who counts himself; total 0: unknown. */
void progress_sent(ProgressBar *b, guint64 done, guint64 total);
char *task_speed_text(const VmdTaskProgress *p); /* "12.00 MiB/s"; caller frees */

/* ---- shared by commands about domains (domain.c) ------------------------------------------- */

#define DOMAIN_OPTION(completer)                                                                   \
    {                                                                                              \
        "domain", OPTION_STRING, OPTION_REQUIRED, completer, "domain name, id or uuid"             \
    }
#define LIVE_CONFIG_OPTIONS(what)                                                                  \
    FLAG("config", what " of the next boot"), FLAG("live", what " of the running domain"),         \
        FLAG("current", what " of the domain as it is now")

enum { BY_ID = 1, BY_NAME = 2, BY_UUID = 4, BY_ANY = 7 };
enum { LIVE = 1, CONFIG = 2 };

/* Prints the parts of the domain's document that have no effect as warnings on stderr. Prints
 * nothing if the daemon does not know the call. */
void domain_warn(Shell *s, const DomainRef *dom);
/* Finds the domain that --domain names; the result lives in the command's arena. */
gboolean domain_get(Shell *s, const Args *a, DomainRef *ret_dom, GError **err);
gboolean domain_lookup(Shell *s, const char *text, guint by, DomainRef *ret_dom, GError **err);
gboolean domain_xml(Shell *s, const DomainRef *dom, guint flags, const char **ret_xml,
                    GError **err);
gboolean domain_state(Shell *s, const DomainRef *dom, int *ret_state, int *ret_reason,
                      GError **err);
/* Finds a network by name or UUID; the result lives in the command's arena. */
gboolean network_lookup(Shell *s, const char *text, NetworkRef *ret_net, GError **err);
char **complete_networks(Shell *s);
#define NETWORK_OPTION                                                                             \
    {                                                                                              \
        "network", OPTION_STRING, OPTION_REQUIRED, complete_networks, "network name or uuid"       \
    }
gboolean host_cpu_count(Shell *s, guint *ret_n, GError **err);
/* "0-3,^2" as a map of the host's processors; "r" is all of them. */
gboolean cpu_list_parse(Shell *s, const char *text, GByteArray *map, GError **err);
/* Prints parameters, one a line, by a format for two strings. */
void params_print(Shell *s, const TypedParam *params, guint n, const char *format);
/* The text of a file, "-" being stdin; the caller frees it. */
gboolean xml_file(const char *path, char **ret_text, GError **err);
/* Where it can be reached: the first address that a lease, or the host's neighbours, give; NULL:
 * none is known. Caller frees. */
char *domain_address(Shell *s, const DomainRef *dom);
/* Until it is in a state, or "address" or "agent" holds of it, as the command wait says; it tells
 * of that. end: monotonic, 0: however long it takes. */
gboolean domain_wait(Shell *s, const DomainRef *dom, const char *wanted, gint64 end, GError **err);
/* LIVE and CONFIG from --live, --config, --current. */
gboolean domain_impact(const Args *a, guint *ret_flags, GError **err);
const char *domain_state_text(int state);
const char *domain_reason_text(int state, int reason);
enum { STATE_RUNNING = 1, STATE_PAUSED = 3, STATE_SHUTOFF = 5 };
enum { DUMP_SECURE = 1, DUMP_INACTIVE = 2, DUMP_UPDATE_CPU = 4, DUMP_MIGRATABLE = 8 };
void uuid_text(const guint8 uuid[16], char ret_text[37]);
char *value_text(const Value *v);
json_object *value_json(const Value *v);
/* The i-th word of a list of n; `other` for a number past its end. */
const char *nth(const char *const *words, guint n, int i, const char *other);

/* Names of domains, for completion. */
char **complete_domains(Shell *s);
char **complete_active(Shell *s);
char **complete_inactive(Shell *s);

/* ---- waiting for events (commands/event.c) -------------------------------------------- */

typedef struct EventWait {
    gboolean loop; /* wait for more than the first event */
    guint count;   /* number of events; the event's handler counts it up */
    gint64 end;    /* monotonic time; 0: never */
} EventWait;

/* Waits until an event came, the time is over, or the user interrupts; prints a remark on how it
 * ended. */
gboolean event_wait(Shell *s, EventWait *w, GError **err);
char *event_time(void); /* the time now, in the form of events; the caller frees it */

/* ---- XML (xml.c) --------------------------------------------------------------------- */

typedef struct _xmlDoc Doc;
typedef struct _xmlNode Node;

Doc *doc_parse(const char *text, GError **err);
void doc_free(Doc *doc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Doc, doc_free)
/* All nodes of an XPath, in document order; free only the array. at NULL: from the root. */
GPtrArray *doc_nodes(Doc *doc, Node *at, const char *path);
char *doc_text(Doc *doc, Node *at, const char *path); /* NULL when there is none */
/* Its XML under another name; the caller frees it. */
char *node_xml(Doc *doc, Node *node, const char *name);
/* Prints the XML, or the part that --xpath and --wrap select. */
gboolean doc_print(Shell *s, const Args *a, const char *text, GError **err);
#define XPATH_OPTIONS                                                                              \
    { "xpath", OPTION_STRING, OPTION_NAMED, NULL, "print only what this XPath expression finds" }, \
        FLAG("wrap", "put what it finds below one root element")

/* ---- a console and an editor (console.c, edit.c) -------------------------------- */

gboolean console_run(Shell *s, const DomainRef *dom, const char *device, guint flags,
                     gboolean resume, GError **err);
enum { CONSOLE_FORCE = 1, CONSOLE_SAFE = 2 };

/* Lets the user edit text; *ret_text is the new text, or NULL if it is unchanged. */
gboolean edit_text(Shell *s, const char *text, const char *suffix, char **ret_text, GError **err);
/* Lets the user edit until apply accepts the text or the user gives up. *ret_changed FALSE: the
 * text was left as it was. */
typedef gboolean (*EditApply)(Shell *s, const char *text, gboolean validate, gpointer user,
                              GError **err);
gboolean edit_and_apply(Shell *s, const char *text, const char *suffix, gboolean validate,
                        EditApply apply, gpointer user, gboolean *ret_changed, GError **err);

/* ---- help (help.c) ------------------------------------------------------------------- */

void help_all(Shell *s);
gboolean help_topic(Shell *s, const char *topic, GError **err);
char *help_command(const Command *c);
char *help_usage(void);    /* vmsh --help */
char *help_version(void);  /* vmsh --version=long */
char *help_man_page(void); /* vmsh --man */

/* ---- keys (keys.c) ------------------------------------------------------------------- */

gboolean key_code(const char *codeset, const char *name, guint *ret_code);
int key_codeset(const char *name); /* -1: there is none */
char **complete_keys(Shell *s);
