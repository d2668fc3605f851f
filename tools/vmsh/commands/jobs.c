/* jobs: the tasks of vmd, work that goes on whoever waits for it; and the end of one. */
#include <string.h>

#include "vmsh/vmsh.h"

static json_object *
job_json(const VmdTask *t)
{
    const VmdTaskProgress *p = &t->progress;
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(t->started / 1000);
    g_autofree char *since = when ? g_date_time_format(when, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    json_object *o = json_make("id", 'i', (gint64)t->id, "kind", 's', t->kind, "state", 's',
                               t->state, "subject_kind", 's', t->subject_kind, "subject", 's',
                               t->subject, "thing", 's', t->thing, "unit", 's', p->unit, "done",
                               'i', (gint64)p->done, "speed", 'i', (gint64)p->speed, "uid", 'i',
                               (gint64)t->uid, "owner", 's', t->owner, "since", 's', since, NULL);

    json_object_object_add(o, "total", p->total ? json_object_new_int64((gint64)p->total) : NULL);
    json_object_object_add(
        o, "percent", p->total ? json_object_new_double((double)p->done * 100 / p->total) : NULL);
    return o;
}

static void
add_row(Table *table, const VmdTask *t)
{
    const VmdTaskProgress *p = &t->progress;
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(t->started / 1000);
    g_autofree char *since = when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S") : NULL;
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, t->id);
    g_autofree char *of = t->thing ? g_strdup_printf("%s/%s", t->subject, t->thing)
                                   : g_strdup(t->subject);
    g_autofree char *done = p->total ? g_strdup_printf("%.1f %%", (double)p->done * 100 / p->total)
                                     : NULL;
    g_autofree char *speed = p->speed ? task_speed_text(p) : NULL;

    table_add(table, id, t->kind, of, t->state, done, speed, t->owner, since);
}

static gboolean
run_jobs(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Id", "id", COLUMN_NUMBER },     { "Kind", "kind", COLUMN_TEXT },
        { "Of", "of", COLUMN_TEXT },       { "State", "state", COLUMN_TEXT },
        { "Done", "done", COLUMN_TEXT },   { "Speed", "speed", COLUMN_TEXT },
        { "Owner", "owner", COLUMN_TEXT }, { "Since", "since", COLUMN_TEXT },
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    json_object *list;
    VmdTasksRet r;

    doing(s, "failed to list jobs");
    if (!call_vmd(s, PROC_VMD_TASKS, NULL, &r, err))
        return FALSE;
    if (!s->json) {
        for (guint i = 0; i < r.tasks.n; i++)
            add_row(table, &r.tasks.v[i]);
        table_print(s, table);
        return TRUE;
    }
    list = json_object_new_array();
    for (guint i = 0; i < r.tasks.n; i++)
        json_object_array_add(list, job_json(&r.tasks.v[i]));
    print_json(s, list);
    return TRUE;
}

static char **
complete_jobs(Shell *s)
{
    g_autoptr(GStrvBuilder) ids = g_strv_builder_new();
    VmdTasksRet r = { 0 };

    if (call_vmd(s, PROC_VMD_TASKS, NULL, &r, NULL))
        for (guint i = 0; i < r.tasks.n; i++) {
            g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, r.tasks.v[i].id);
            g_strv_builder_add(ids, id);
        }
    return g_strv_builder_end(ids);
}

static const Option abort_options[] = {
    { "id", OPTION_NUMBER, OPTION_REQUIRED, complete_jobs, "number of the job, as jobs tells it" },
    OPTION_END,
};

static gboolean
run_abort(Shell *s, const Args *a, GError **err)
{
    VmdTaskAbortArgs args = { 0 };
    gint64 id = 0;

    if (!args_number(a, "id", 1, G_MAXINT64, &id, err))
        return FALSE;
    args.id = (guint64)id;
    doing(s, "failed to abort job %" G_GINT64_FORMAT, id);
    if (!call_vmd(s, PROC_VMD_TASK_ABORT, &args, NULL, err))
        return FALSE;
    remark(s, "Job %" G_GINT64_FORMAT " is being aborted\n", id);
    return TRUE;
}

const Command job_commands[] = {
    { "job-abort", "end one of vmd's jobs",
      "Ends a job that jobs lists, and what it has made so far is taken away again. What was wiped or "
      "uploaded stays as it is, in part. Jobs of domains are ended by domjobabort.",
      abort_options, run_abort },
    { "jobs", "list what vmd is working on",
      "Lists work that goes on when its client leaves: volumes that are made, copied, wiped, sent; how "
      "far each is, how fast it goes, and who asked for it. Jobs of domains are told by domjobinfo.",
      NULL, run_jobs, COMMAND_JSON },
    { 0 },
};
