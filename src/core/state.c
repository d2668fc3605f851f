/* Where a daemon's files are, and what its folders hold. */
#include "core.h"

#include <errno.h>
#include <string.h>

void
paths_init_system(Paths *paths, const char *root)
{
    *paths = (Paths){
        .run = g_strconcat(root, "/run/vmd", NULL),
        .etc = g_strconcat(root, "/etc/vmd", NULL),
        .lib = g_strconcat(root, "/var/lib/vmd", NULL),
        .cache = g_strconcat(root, "/var/cache/vmd", NULL),
        .log = g_strconcat(root, "/var/log/vmd", NULL),
    };
}

void
paths_init_session(Paths *paths)
{
    *paths = (Paths){
        .run = g_build_filename(g_get_user_runtime_dir(), "vmd", NULL),
        .etc = g_build_filename(g_get_user_config_dir(), "vmd", NULL),
        .lib = g_build_filename(g_get_user_data_dir(), "vmd", NULL),
        .cache = g_build_filename(g_get_user_cache_dir(), "vmd", NULL),
        .log = g_build_filename(g_get_user_cache_dir(), "vmd", "log", NULL),
        .session = TRUE,
    };
}

gboolean
paths_make(const Paths *paths, GError **err)
{
    mode_t mode = paths->session ? 0700 : 0755;

    return dir_make(paths->run, mode, err) && dir_make(paths->etc, mode, err) &&
           dir_make(paths->lib, mode, err) && dir_make(paths->cache, mode, err) &&
           dir_make(paths->log, mode, err);
}

void
paths_done(Paths *paths)
{
    g_clear_pointer(&paths->run, g_free);
    g_clear_pointer(&paths->etc, g_free);
    g_clear_pointer(&paths->lib, g_free);
    g_clear_pointer(&paths->cache, g_free);
    g_clear_pointer(&paths->log, g_free);
    g_clear_pointer(&paths->groups, g_free);
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *
state_names(const char *folder, const char *suffix, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) why = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &why);
    const char *entry;

    if (!dir) {
        if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return g_steal_pointer(&names);
        fail(err, ERR_SYSTEM, "%s", why->message);
        return NULL;
    }
    while ((entry = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, entry, NULL);
        gsize keep = strlen(entry) - strlen(suffix);

        if (!g_str_has_suffix(entry, suffix) || keep == 0)
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(names, g_strndup(entry, keep));
    }
    g_ptr_array_sort(names, by_text);
    return g_steal_pointer(&names);
}
