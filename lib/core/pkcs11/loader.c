// SPDX-License-Identifier: MIT
#include "loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error-name.h"

typedef struct Module {
    P11dLibrary library;
    void *handle;
    struct Module *next;             /* opened before this one */
    struct Module *next_initialized; /* initialised by us before this one */
} Module;

/* Held while a module is opened, initialised or finalised: each happens once. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Module *modules;
static Module *initialized_modules;

static _Thread_local char failure_text[PATH_MAX + 256];

__attribute__((format(printf, 1, 2))) static const char *failure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure_text, sizeof failure_text, format, arguments);
    va_end(arguments);
    return failure_text;
}

/* The linker knows a file by device and inode: under whatever name, it gives the same handle. */
static Module *find(void *handle)
{
    for (Module *module = modules; module; module = module->next)
        if (module->handle == handle)
            return module;
    return NULL;
}

/* Opens the shared library at path, never to be unmapped. Returns why not, or NULL. */
static const char *pin(const char *path, void **handle)
{
    struct stat status;
    if (path[0] == '\0')
        return failure("no PKCS#11 module is named");
    /* dlerror says "cannot open shared object file" to everything: what is simple is said simply.
     */
    if (strchr(path, '/')) {
        if (stat(path, &status) != 0)
            return failure("%s: %s", path, strerror(errno));
        if (!S_ISREG(status.st_mode))
            return failure("%s is not a file", path);
    }
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*handle)
        return NULL;
    const char *reason = dlerror();
    const size_t length = strlen(path);
    if (reason && strncmp(reason, path, length) == 0 && reason[length] == ':')
        return failure("%s", reason); /* names it already */
    return failure("%s cannot be loaded: %s", path, reason ? reason : "no reason given");
}

/* The absolute path of what is mapped, owned by the caller; NULL if memory ran out. */
static char *mapped_path(const char *path, void *handle)
{
    struct link_map *map;
    char absolute[PATH_MAX];
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && realpath(map->l_name, absolute))
        return strdup(absolute);
    /* Mapped before by somebody else, under a name relative to another directory. */
    return strdup(realpath(path, absolute) ? absolute : path);
}

/* Gets the function list, without a call to anything else. Returns why not, or NULL. */
static const char *get_functions(const char *path, void *handle, P11dLibrary *library)
{
    void *symbol = dlsym(handle, "C_GetFunctionList");
    if (!symbol)
        return failure("%s is not a PKCS#11 module: it has no C_GetFunctionList", path);
    CK_C_GetFunctionList get_function_list;
    memcpy(&get_function_list, &symbol, sizeof symbol);

    CK_FUNCTION_LIST *functions = NULL;
    CK_RV result = get_function_list(&functions);
    char scratch[P11D_NAME_SIZE];
    if (result != CKR_OK)
        return failure("%s: C_GetFunctionList failed with %s", path,
                       p11d_error_ckr(result, scratch));
    if (!functions)
        return failure("%s: C_GetFunctionList returned no list", path);
    /* A list of version 3 begins with all of version 2, which is what is used. */
    if (functions->version.major != 2 && functions->version.major != 3)
        return failure("%s: version %u.%u of PKCS#11 is not known", path, functions->version.major,
                       functions->version.minor);
    if (!functions->C_Initialize || !functions->C_Finalize || !functions->C_GetInfo)
        return failure("%s: the function list has holes", path);
    library->functions = functions;
    library->version = functions->version;
    return NULL;
}

static const char *open_locked(const char *path, Module **module)
{
    void *handle;
    const char *failed = pin(path, &handle);
    if (failed)
        return failed;
    *module = find(handle);
    if (*module)
        return NULL;

    Module opened = {.handle = handle, .next = modules};
    failed = get_functions(path, handle, &opened.library);
    if (failed)
        return failed;
    char *mapped = mapped_path(path, handle);
    *module = malloc(sizeof opened);
    if (!mapped || !*module) {
        free(mapped);
        free(*module);
        return failure("out of memory");
    }
    opened.library.path = mapped;
    **module = opened;
    modules = *module;
    return NULL;
}

const char *p11d_loader_open(const char *path, P11dLibrary **library)
{
    Module *module = NULL;
    *library = NULL;
    pthread_mutex_lock(&lock);
    const char *failed = open_locked(path, &module);
    pthread_mutex_unlock(&lock);
    if (!failed)
        *library = &module->library;
    return failed;
}

static CK_RV initialize_locked(Module *module, const char *reserved)
{
    if (module->library.initialized)
        return CKR_OK;
    CK_C_INITIALIZE_ARGS arguments = {
        .flags = CKF_OS_LOCKING_OK,
        .pReserved = (void *)(uintptr_t)reserved,
    };
    CK_RV result = module->library.functions->C_Initialize(&arguments);
    if (result != CKR_OK && result != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return result;
    module->library.initialized = true;
    /* One that somebody else initialised is his to finalise. */
    if (result == CKR_OK) {
        module->next_initialized = initialized_modules;
        initialized_modules = module;
    }
    return CKR_OK;
}

CK_RV p11d_loader_initialize(P11dLibrary *library, const char *reserved)
{
    pthread_mutex_lock(&lock);
    CK_RV result = initialize_locked((Module *)library, reserved);
    pthread_mutex_unlock(&lock);
    return result;
}

void p11d_loader_finalize_all(void)
{
    pthread_mutex_lock(&lock);
    while (initialized_modules) {
        Module *module = initialized_modules;
        initialized_modules = module->next_initialized;
        module->library.initialized = false;
        module->library.functions->C_Finalize(NULL);
    }
    pthread_mutex_unlock(&lock);
}
