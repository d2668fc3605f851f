/* blockjob: what is copied below a disk at the moment. */
#include "vmsh/vmsh.h"

static const Option options[] = {
    DOMAIN_OPTION(complete_active),
    { "path", OPTION_STRING, OPTION_REQUIRED, NULL, "fully-qualified path of disk" },
    FLAG("abort", "abort the active job on the specified disk"),
    FLAG("async", "implies --abort; request but don't wait for job end"),
    FLAG("pivot", "implies --abort; conclude and pivot a copy or commit job"),
    FLAG("info", "get active job information for the specified disk"),
    FLAG("bytes", "get/set bandwidth in bytes rather than MiB/s"),
    FLAG("raw", "implies --info; output details rather than human summary"),
    { "bandwidth", OPTION_NUMBER, OPTION_NAMED, NULL, "set the bandwidth limit in MiB/s" },
    OPTION_END,
};

static const char *const types[] = { "Unknown job",  "Block Pull",          "Block Copy",
                                     "Block Commit", "Active Block Commit", "Backup" };

enum { IN_BYTES = 1 };

static void
print_raw(Shell *s, const DomainGetBlockJobInfoRet *r)
{
    g_autoptr(Sheet) t = sheet_new(0);
    const char *type = nth(types, G_N_ELEMENTS(types), r->type, types[0]);

    sheet_add_line(t, "type", json_object_new_string(type), " type=%s", type);
    sheet_add_line(t, "bandwidth", json_object_new_uint64(r->bandwidth),
                   " bandwidth=%" G_GUINT64_FORMAT, r->bandwidth);
    sheet_add_line(t, "cur", json_object_new_uint64(r->cur), " cur=%" G_GUINT64_FORMAT, r->cur);
    sheet_add_line(t, "end", json_object_new_uint64(r->end), " end=%" G_GUINT64_FORMAT, r->end);
    sheet_print(s, t);
}

static void
print_summary(Shell *s, const DomainGetBlockJobInfoRet *r, gboolean bytes)
{
    double done = r->end ? (double)r->cur / (double)r->end * 100 : 0;

    put(s, "%s: [%6.2f %%]", nth(types, G_N_ELEMENTS(types), r->type, types[0]), done);
    if (r->bandwidth)
        put(s, "    Bandwidth limit: %" G_GUINT64_FORMAT " %s", r->bandwidth,
            bytes ? "bytes/s" : "MiB/s");
    put(s, "\n");
}

static gboolean
job_info(Shell *s, const Args *a, const DomainRef *dom, GError **err)
{
    gboolean bytes = args_flag(a, "bytes"), raw = args_flag(a, "raw") || s->json;
    DomainGetBlockJobInfoArgs args = { *dom, args_string(a, "path"), bytes ? IN_BYTES : 0 };
    DomainGetBlockJobInfoRet ret = { 0 };

    if (!call(s, PROC_DOMAIN_GET_BLOCK_JOB_INFO, &args, &ret, err))
        return FALSE;
    if (!ret.found && !raw)
        remark(s, "No current block job for %s", args.path);
    if (!ret.found && s->json)
        print_json(s, NULL);
    else if (ret.found && raw)
        print_raw(s, &ret);
    else if (ret.found)
        print_summary(s, &ret, bytes);
    return TRUE;
}

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    enum { ASYNC = 1, PIVOT = 2 };
    static const FlagBit bits[] = { { "async", ASYNC }, { "pivot", PIVOT }, { 0 } };
    gboolean ends = args_flag(a, "abort") || args_flag(a, "async") || args_flag(a, "pivot");
    DomainBlockJobAbortArgs abort = { .path = args_string(a, "path"), .flags = args_bits(a, bits) };
    DomainBlockJobSetSpeedArgs speed = { .path = abort.path,
                                         .flags = args_flag(a, "bytes") ? IN_BYTES : 0 };
    guint64 bandwidth = 0;

    if (!args_exclusive(a, "raw", "abort", err) || !args_exclusive(a, "info", "abort", err) ||
        !args_exclusive(a, "bandwidth", "abort", err) ||
        !args_exclusive(a, "bandwidth", "info", err) ||
        !args_size(a, "bandwidth", 1, &bandwidth, err) || !domain_get(s, a, &abort.dom, err))
        return FALSE;
    speed.dom = abort.dom;
    speed.bandwidth = bandwidth;
    if (ends)
        return call(s, PROC_DOMAIN_BLOCK_JOB_ABORT, &abort, NULL, err);
    if (args_flag(a, "bandwidth"))
        return call(s, PROC_DOMAIN_BLOCK_JOB_SET_SPEED, &speed, NULL, err);
    return job_info(s, a, &abort.dom, err);
}

const Command blockjob_commands[] = {
    { "blockjob", "Manage active block operations",
      "Query, adjust speed, or cancel active block operations.", options, run, COMMAND_JSON },
    { 0 },
};
