// SPDX-License-Identifier: MIT
#include "loader.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader-module.h"

#define MODULE(name) MODULES "/loader-" name ".so"

static unsigned clock_of_modules;

static P11dLibrary *open_module(const char *path)
{
    P11dLibrary *library;
    const char *failed = p11d_loader_open(path, &library);
    cr_assert_null(failed, "%s", failed);
    cr_assert_not_null(library->functions);
    cr_assert_eq(library->path[0], '/');
    return library;
}

/* What goes on inside the module. */
static LoaderModule *inside(const P11dLibrary *library)
{
    void *handle = dlopen(library->path, RTLD_NOW | RTLD_NOLOAD);
    cr_assert_not_null(handle);
    LoaderModule *state = dlsym(handle, "loader_module");
    cr_assert_not_null(state);
    state->clock = &clock_of_modules;
    return state;
}

/* Opening path fails, with a text that holds both words. */
static void check_failure(const char *path, const char *word, const char *other)
{
    P11dLibrary *library = (P11dLibrary *)&clock_of_modules;
    const char *failed = p11d_loader_open(path, &library);
    cr_assert_not_null(failed, "%s was opened", path);
    cr_assert_not_null(strstr(failed, word), "%s", failed);
    cr_assert_not_null(strstr(failed, other), "%s", failed);
    cr_assert_null(library);
}

Test(loader, says_why_a_module_cannot_be_opened)
{
    check_failure("/nonexistent.so", "/nonexistent.so", "No such file");
    check_failure("nonexistent.so", "nonexistent.so", "No such file");
    cr_assert_null(strstr(p11d_loader_open("nonexistent.so", &(P11dLibrary *){NULL}), "cannot be"));
    check_failure("", "no PKCS#11 module", "named");
    check_failure("/tmp", "/tmp", "not a file");
    check_failure("/etc/passwd", "/etc/passwd", "invalid ELF header");
    check_failure("libm.so.6", "not a PKCS#11 module", "C_GetFunctionList");
    check_failure(MODULE("null"), "loader-null.so", "no list");
    check_failure(MODULE("fails"), "C_GetFunctionList failed", "CKR_GENERAL_ERROR");
    check_failure(MODULE("holes"), "loader-holes.so", "holes");
    check_failure(MODULE("version-1"), "version 1.0", "not known");
}

Test(loader, a_pipe_is_not_waited_for)
{
    char path[] = "/tmp/p11dbus-test-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    char pipe[sizeof path + 8];
    sprintf(pipe, "%s/p.so", path);
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    check_failure(pipe, pipe, "not a file");
    unlink(pipe);
    rmdir(path);
}

Test(loader, version_3_is_taken)
{
    P11dLibrary *library = open_module(MODULE("version-3"));
    cr_assert_eq(library->version.major, 3);
}

Test(loader, the_same_file_is_the_same_module)
{
    P11dLibrary *library = open_module(MODULE("good"));
    cr_assert_eq(open_module(MODULE("good")), library);
    cr_assert_neq(open_module(MODULE("other")), library);

    char directory[] = "/tmp/p11dbus-test-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    char alias[sizeof directory + 8];
    sprintf(alias, "%s/a.so", directory);
    cr_assert_eq(symlink(MODULE("good"), alias), 0);
    cr_assert_eq(open_module(alias), library);
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(open_module("./a.so"), library);
    unlink(alias);
    rmdir(directory);
}

Test(loader, a_relative_path_becomes_absolute)
{
    cr_assert_eq(chdir(MODULES), 0);
    P11dLibrary *library = open_module("./loader-good.so");
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(open_module(MODULE("good")), library);
    char *expected = realpath(MODULE("good"), NULL);
    cr_assert_str_eq(library->path, expected);
    free(expected);
}

Test(loader, a_module_stays_mapped_whoever_closes_it)
{
    P11dLibrary *library = open_module(MODULE("good"));
    void *handle = dlopen(library->path, RTLD_NOW | RTLD_NOLOAD);
    for (int i = 0; i < 10 && handle; i++)
        dlclose(handle);
    cr_assert_eq(library->functions->C_GetInfo(NULL), CKR_FUNCTION_NOT_SUPPORTED);
}

Test(loader, initializes_once_with_locking)
{
    P11dLibrary *library = open_module(MODULE("good"));
    LoaderModule *state = inside(library);
    cr_assert_not(library->initialized);
    cr_assert_eq(p11d_loader_initialize(library, "configuration"), CKR_OK);
    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_OK);
    cr_assert(library->initialized);
    cr_assert_eq(state->initializations, 1);
    cr_assert_eq(state->flags, CKF_OS_LOCKING_OK);
    cr_assert_str_eq(state->reserved, "configuration");
    p11d_loader_finalize_all();
    cr_assert_not(library->initialized);
    cr_assert_eq(clock_of_modules, 1);
    p11d_loader_finalize_all();
    cr_assert_eq(clock_of_modules, 1);

    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_OK);
    cr_assert_eq(state->initializations, 2);
    cr_assert_null(state->reserved);
}

Test(loader, finalizes_the_last_first)
{
    P11dLibrary *first = open_module(MODULE("good"));
    P11dLibrary *second = open_module(MODULE("other"));
    LoaderModule *inside_first = inside(first), *inside_second = inside(second);
    cr_assert_eq(p11d_loader_initialize(second, NULL), CKR_OK);
    cr_assert_eq(p11d_loader_initialize(first, NULL), CKR_OK);
    p11d_loader_finalize_all();
    cr_assert_eq(inside_first->finalized_at, 1);
    cr_assert_eq(inside_second->finalized_at, 2);
}

Test(loader, what_somebody_else_initialized_is_his_to_finalize)
{
    P11dLibrary *library = open_module(MODULE("good"));
    LoaderModule *state = inside(library);
    cr_assert_eq(library->functions->C_Initialize(NULL), CKR_OK);
    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_OK);
    cr_assert(library->initialized);
    p11d_loader_finalize_all();
    cr_assert(state->initialized);
    cr_assert_eq(clock_of_modules, 0);
}

Test(loader, a_module_that_refuses_is_not_initialized)
{
    P11dLibrary *library = open_module(MODULE("good"));
    LoaderModule *state = inside(library);
    state->refuses = true;
    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_DEVICE_ERROR);
    cr_assert_not(library->initialized);
    p11d_loader_finalize_all();
    cr_assert_eq(clock_of_modules, 0);
    state->refuses = false;
    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_OK);
}

/* Real modules, where they are installed. */

static void check_real_module(const char *path)
{
    P11dLibrary *library;
    CK_INFO info;
    const char *failed = p11d_loader_open(path, &library);
    if (failed && strstr(failed, "No such file"))
        cr_skip_test("%s is not installed", path);
    cr_assert_null(failed, "%s", failed);
    cr_assert_eq(p11d_loader_initialize(library, NULL), CKR_OK);
    cr_assert_eq(library->functions->C_GetInfo(&info), CKR_OK);
    p11d_loader_finalize_all();
    cr_assert_eq(library->functions->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

Test(loader, softhsm)
{
    char directory[] = "/tmp/p11dbus-test-XXXXXX";
    char path[64];
    cr_assert_not_null(mkdtemp(directory));
    sprintf(path, "%s/softhsm2.conf", directory);
    FILE *file = fopen(path, "we");
    fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\n", directory);
    fclose(file);
    setenv("SOFTHSM2_CONF", path, 1);
    check_real_module("/usr/lib/softhsm/libsofthsm2.so");
    unlink(path);
    rmdir(directory);
}

Test(loader, p11_kit_trust)
{
    check_real_module(P11_KIT_MODULES "/p11-kit-trust.so");
}
