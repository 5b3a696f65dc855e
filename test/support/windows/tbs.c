/*
 * A double of Windows' tbs.dll for tests under wine: the functions that the client calls, with their published prototypes,
 * in front of a software TPM (swtpm) instead of a driver. It has neither the resource manager nor the list of blocked
 * commands of the real one.
 *
 * Told by the environment:
 *   FORWARD_TBS_PORT    TCP port on the loopback where swtpm serves raw commands; without it there is no TPM
 *   FORWARD_TBS_LOG     file with the event log; without it there is none
 *   FORWARD_TBS_AUTH    password of the endorsement hierarchy, which only administrators are told; without it there is none
 *   FORWARD_TBS_USER    set: the person is no administrator
 *   FORWARD_TBS_RESULT  a result, such as 0x80284008, that opening a context fails with
 *
 * Build: x86_64-w64-mingw32-gcc -O2 -Wall -Werror -shared -o tbs.dll tbs.c -lws2_32
 */
#include <winsock2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __declspec(dllexport) uint32_t WINAPI
#define TBS_BAD_PARAMETER 0x80284002u
#define TBS_INSUFFICIENT_BUFFER 0x80284005u
#define TBS_IOERROR 0x80284006u
#define TBS_INVALID_CONTEXT_PARAM 0x80284007u
#define TBS_TPM_NOT_FOUND 0x8028400fu
#define TBS_ACCESS_DENIED 0x80284012u
#define TBS_NO_OWNER_AUTH 0x80284015u
#define TBS_OWNERAUTH_TYPE_ENDORSEMENT_20 12u
#define TBS_NO_EVENT_LOG 0x80284011u
#define HEADER_BYTES 10u

struct context_params { uint32_t version, flags; };
struct device_info { uint32_t version, tpm_version, interface_type, revision; };

static uint32_t setting(const char *name)
{
    const char *text = getenv(name);
    return text ? (uint32_t)strtoul(text, NULL, 0) : 0;
}

EXPORT Tbsi_GetDeviceInfo(uint32_t size, struct device_info *info)
{
    if (size != sizeof *info || !info) return TBS_BAD_PARAMETER;
    if (!setting("FORWARD_TBS_PORT")) return TBS_TPM_NOT_FOUND;
    *info = (struct device_info){1, 2, 1, 0};
    return 0;
}

EXPORT Tbsi_Context_Create(const struct context_params *params, void **context)
{
    struct sockaddr_in address = {0};
    uint32_t result = setting("FORWARD_TBS_RESULT"), port = setting("FORWARD_TBS_PORT");
    WSADATA data;
    SOCKET link;

    if (!params || !context) return TBS_BAD_PARAMETER;
    /* Version two, TPM 2.0 included: anything else would get a TPM 1.2 or nothing. */
    if (params->version != 2 || !(params->flags & 4)) return TBS_INVALID_CONTEXT_PARAM;
    if (result) return result;
    if (!port) return TBS_TPM_NOT_FOUND;
    if (WSAStartup(MAKEWORD(2, 2), &data)) return TBS_IOERROR;
    link = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (link == INVALID_SOCKET || connect(link, (struct sockaddr *)&address, sizeof address)) {
        closesocket(link);
        return TBS_IOERROR;
    }
    *context = (void *)(uintptr_t)link;
    return 0;
}

EXPORT Tbsip_Context_Close(void *context)
{
    closesocket((SOCKET)(uintptr_t)context);
    return 0;
}

static int receive(SOCKET link, uint8_t *into, uint32_t length)
{
    for (uint32_t at = 0; at < length;) {
        int count = recv(link, (char *)into + at, (int)(length - at), 0);
        if (count <= 0) return 0;
        at += (uint32_t)count;
    }
    return 1;
}

EXPORT Tbsip_Submit_Command(void *context, uint32_t locality, uint32_t priority,
                            const uint8_t *command, uint32_t length, uint8_t *answer, uint32_t *capacity)
{
    SOCKET link = (SOCKET)(uintptr_t)context;
    uint32_t size;

    (void)priority;
    if (locality != 0 || !command || !answer || !capacity) return TBS_BAD_PARAMETER;
    if (*capacity < HEADER_BYTES) return TBS_INSUFFICIENT_BUFFER;
    if (send(link, (const char *)command, (int)length, 0) != (int)length) return TBS_IOERROR;
    if (!receive(link, answer, HEADER_BYTES)) return TBS_IOERROR;
    size = (uint32_t)answer[2] << 24 | answer[3] << 16 | answer[4] << 8 | answer[5];
    if (size < HEADER_BYTES || size > *capacity) return TBS_INSUFFICIENT_BUFFER;
    if (!receive(link, answer + HEADER_BYTES, size - HEADER_BYTES)) return TBS_IOERROR;
    *capacity = size;
    return 0;
}

EXPORT Tbsi_Get_OwnerAuth(void *context, uint32_t type, uint8_t *password, uint32_t *capacity)
{
    const char *text = getenv("FORWARD_TBS_AUTH");
    uint32_t size = text ? (uint32_t)strlen(text) : 0;

    (void)context;
    if (type != TBS_OWNERAUTH_TYPE_ENDORSEMENT_20 || !password || !capacity) return TBS_BAD_PARAMETER;
    if (!text) return TBS_NO_OWNER_AUTH;
    if (getenv("FORWARD_TBS_USER")) return TBS_ACCESS_DENIED;
    if (*capacity < size) return TBS_INSUFFICIENT_BUFFER;
    memcpy(password, text, size);
    *capacity = size;
    return 0;
}

/* With no buffer, or too small a one, only the size is told. */
EXPORT Tbsi_Get_TCG_Log(void *context, uint8_t *log, uint32_t *capacity)
{
    const char *path = getenv("FORWARD_TBS_LOG");
    FILE *file = path ? fopen(path, "rb") : NULL;
    uint32_t size, given, count = 0;

    (void)context;
    if (!capacity) return TBS_BAD_PARAMETER;
    if (!file) return TBS_NO_EVENT_LOG;
    fseek(file, 0, SEEK_END);
    size = (uint32_t)ftell(file);
    given = *capacity;
    *capacity = size;
    if (log && given >= size) {
        rewind(file);
        count = (uint32_t)fread(log, 1, size, file);
    }
    fclose(file);
    if (!log) return 0;
    if (given < size) return TBS_INSUFFICIENT_BUFFER;
    return count == size ? 0 : TBS_IOERROR;
}
